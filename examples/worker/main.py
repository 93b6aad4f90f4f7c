import asyncio
import logging
import uuid

import msgspec

from nestpy_core import App, module
from nestpy_queue import Queue, QueueModule, RunningJob, process, processor
from nestpy_schedule import ScheduleModule, every, scheduled

logger = logging.getLogger("worker")


class Transcode(msgspec.Struct):
    track: str


@scheduled
class TranscodeProducer:
    audio: Queue[Transcode]

    @every("5s")
    async def enqueue(self) -> None:
        job = await self.audio.enqueue(Transcode(track=f"track-{uuid.uuid4().hex[:8]}"))
        logger.info("enqueued %s", job.id)


@processor("audio", concurrency=5, retries=3)
class AudioProcessor:
    @process()
    async def transcode(self, job: Transcode, this: RunningJob) -> str:
        await asyncio.sleep(0.3)
        logger.info("transcoded %s in attempt %s", job.track, this.attempt)
        return f"{job.track}.ogg"


@module(
    imports=[QueueModule.for_root(path="worker.sqlite"), ScheduleModule],
    providers=[TranscodeProducer, AudioProcessor],
)
class WorkerModule: ...


app = App(WorkerModule)

if __name__ == "__main__":
    app.run()
