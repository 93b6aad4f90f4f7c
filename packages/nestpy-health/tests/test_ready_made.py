"""The indicators of disk and memory."""

import pytest

from nestpy_health import DiskIndicator, HealthError, HealthModule, MemoryIndicator, UnhealthyError


async def test_a_disk_with_room_is_up_and_one_without_is_down(tmp_path, probing):
    await DiskIndicator(tmp_path, max_used=1).check()
    full = DiskIndicator(tmp_path, min_free_bytes=2**62, name="data")
    with pytest.raises(UnhealthyError, match=r"is used to \d+\.\d%, \d+ bytes are free"):
        await full.check()
    with pytest.raises(UnhealthyError):
        await DiskIndicator(tmp_path, max_used=1e-9).check()
    async with probing(indicators=[DiskIndicator(tmp_path, max_used=1), full]) as health:
        report = await health.readiness()
    assert (list(report.info), list(report.error)) == (["disk"], ["data"])


async def test_a_path_that_is_gone_is_down(tmp_path, probing):
    async with probing(indicators=[DiskIndicator(tmp_path / "gone")]) as health:
        assert (await health.readiness()).error["disk"].error == "check failed"


async def test_a_process_within_its_memory_is_up_and_one_beyond_is_down():
    await MemoryIndicator().check()
    await MemoryIndicator(max_bytes=2**50).check()
    with pytest.raises(UnhealthyError, match=r"The process holds \d+ bytes of 1024"):
        await MemoryIndicator(max_bytes=1024).check()


def test_limits_that_leave_nothing_are_refused():
    with pytest.raises(HealthError) as caught:
        DiskIndicator(max_used=0)
    assert str(caught.value) == "`DiskIndicator(max_used=0)` must be above 0 and at most 1."
    with pytest.raises(HealthError) as caught:
        MemoryIndicator(max_bytes=0)
    assert str(caught.value) == (
        "`MemoryIndicator(max_bytes=0, max_used=0.9)` leaves nothing to use.\n"
        "Hint: give a number of bytes, or a part above 0 and at most 1"
    )


@pytest.mark.parametrize(("given", "word"), [(DiskIndicator, "DiskIndicator"), (lambda: None, "<lambda>")])
def test_what_is_no_indicator_is_refused_where_it_is_given(given, word):
    with pytest.raises(HealthError) as caught:
        HealthModule.for_root(indicators=[given])
    assert str(caught.value) == (
        f"`HealthModule.for_root` was given `{word}`, which is no indicator.\n"
        'Hint: give an instance with a `name` and an `async def check(self)`, for instance `DiskIndicator("/")`'
    )
