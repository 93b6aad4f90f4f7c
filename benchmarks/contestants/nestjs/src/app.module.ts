import { Module } from '@nestjs/common';

import { BasicController, HelloService } from './basic';
import { Audit, OrderController, Orders, Prices, Taxes } from './orders';
import { resourceController } from './resources';

const RESOURCES = 150;

@Module({
  controllers: [BasicController, OrderController, ...Array.from({ length: RESOURCES }, (_, n) => resourceController(n))],
  providers: [HelloService, Orders, Prices, Taxes, Audit],
})
export class AppModule {}
