import 'reflect-metadata';

import { NestFactory } from '@nestjs/core';
import { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';

import { AppModule } from './app.module';

async function main(): Promise<void> {
  const [adapter, port] = process.argv.slice(2);
  if (adapter === 'fastify') {
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: false });
    await app.listen(Number(port), '127.0.0.1');
  } else {
    const app = await NestFactory.create<NestExpressApplication>(AppModule, { logger: false });
    await app.listen(Number(port), '127.0.0.1');
  }
}

void main();
