import { Controller, Get, Param, ParseIntPipe, Type } from '@nestjs/common';

export function resourceController(number: number): Type {
  @Controller(`resource${number}`)
  class ResourceController {
    @Get()
    index(): { resource: number } {
      return { resource: number };
    }

    @Get(':id')
    read(@Param('id', ParseIntPipe) id: number): { resource: number; id: number } {
      return { resource: number, id };
    }
  }

  return ResourceController;
}
