import {
  Body,
  Controller,
  DefaultValuePipe,
  Get,
  Header,
  Injectable,
  Param,
  ParseBoolPipe,
  ParseIntPipe,
  Post,
  Query,
  ValidationPipe,
} from '@nestjs/common';
import { IsArray, IsInt, IsString, Length, Matches, Max, Min } from 'class-validator';

export class User {
  constructor(
    readonly id: number,
    readonly name: string,
    readonly email: string,
    readonly verbose: boolean,
  ) {}
}

export class NewUser {
  @IsString()
  @Length(1, 80)
  name: string;

  @IsString()
  @Matches(/^[^@\s]+@[^@\s]+\.[^@\s]+$/)
  email: string;

  @IsInt()
  @Min(0)
  @Max(150)
  age: number;

  @IsArray()
  @IsString({ each: true })
  tags: string[];
}

export class Item {
  constructor(
    readonly id: number,
    readonly name: string,
    readonly price: number,
    readonly available: boolean,
  ) {}
}

const items = Array.from({ length: 100 }, (_, n) => new Item(n, `Item ${n}`, n + 0.5, n % 2 === 0));

@Injectable()
export class HelloService {
  greeting(): string {
    return 'Hello World';
  }
}

@Controller()
export class BasicController {
  constructor(private readonly hello: HelloService) {}

  @Get('plaintext')
  @Header('content-type', 'text/plain; charset=utf-8')
  plaintext(): string {
    return this.hello.greeting();
  }

  @Get('json')
  message(): { message: string } {
    return { message: 'Hello World' };
  }

  @Get('users/:id')
  readUser(
    @Param('id', ParseIntPipe) id: number,
    @Query('verbose', new DefaultValuePipe(false), ParseBoolPipe) verbose: boolean,
  ): User {
    return new User(id, `User ${id}`, `user${id}@example.com`, verbose);
  }

  @Post('users')
  createUser(@Body(new ValidationPipe({ transform: true })) user: NewUser): NewUser {
    return user;
  }

  @Get('items')
  listItems(): Item[] {
    return items;
  }
}
