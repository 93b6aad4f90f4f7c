require('reflect-metadata');
const { Controller, Get, Inject, Module, NotFoundException, Param, ParseIntPipe } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Pool } = require('pg');

class RowsController {
  constructor(pool) {
    this.pool = pool;
  }

  async read(id) {
    const found = await this.pool.query({
      name: 'item',
      text: 'SELECT id, name, price FROM items WHERE id = $1',
      values: [id],
    });
    if (found.rows.length === 0) throw new NotFoundException();
    return found.rows[0];
  }
}
Controller('rows')(RowsController);
Inject(Pool)(RowsController, undefined, 0);
Get(':id')(RowsController.prototype, 'read', Object.getOwnPropertyDescriptor(RowsController.prototype, 'read'));
Param('id', ParseIntPipe)(RowsController.prototype, 'read', 0);

class RowsModule {}
Module({
  controllers: [RowsController],
  providers: [{ provide: Pool, useFactory: () => new Pool({ connectionString: process.env.DATABASE_URL, max: 4 }) }],
})(RowsModule);

async function main() {
  const [adapter, port] = process.argv.slice(2);
  const { FastifyAdapter } = require('@nestjs/platform-fastify');
  const app = await NestFactory.create(RowsModule, ...(adapter === 'fastify' ? [new FastifyAdapter()] : []), {
    logger: false,
  });
  await app.listen(port, '127.0.0.1');
}

main();
