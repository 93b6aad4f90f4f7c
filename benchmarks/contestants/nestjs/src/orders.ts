import {
  ArgumentsHost,
  BadRequestException,
  CallHandler,
  CanActivate,
  Catch,
  Controller,
  ExceptionFilter,
  ExecutionContext,
  Get,
  Injectable,
  NestInterceptor,
  Param,
  PipeTransform,
  Scope,
  UnauthorizedException,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { Observable, tap } from 'rxjs';

export class UnknownOrderError extends Error {
  constructor(readonly order: number) {
    super();
  }
}

export class Quote {
  constructor(
    readonly order: number,
    readonly total: number,
    readonly trail: string[],
  ) {}
}

@Injectable()
export class Taxes {
  rate(): number {
    return 2;
  }
}

@Injectable()
export class Prices {
  constructor(private readonly taxes: Taxes) {}

  total(order: number): number {
    return order * 100 + this.taxes.rate();
  }
}

@Injectable({ scope: Scope.REQUEST })
export class Audit {
  readonly trail: string[] = [];

  record(event: string): void {
    this.trail.push(event);
  }
}

@Injectable()
export class Orders {
  constructor(private readonly prices: Prices) {}

  quote(order: number, audit: Audit): Quote {
    if (order === 404) {
      throw new UnknownOrderError(order);
    }
    audit.record('quoted');
    return new Quote(order, this.prices.total(order), audit.trail);
  }
}

@Injectable()
export class AuthorizedGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    if (context.switchToHttp().getRequest().headers.authorization !== 'Bearer secret') {
      throw new UnauthorizedException();
    }
    return true;
  }
}

@Injectable()
export class MarkInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(tap(() => context.switchToHttp().getResponse().header('x-pipeline', 'on')));
  }
}

@Injectable()
export class OrderNumberPipe implements PipeTransform<string, number> {
  transform(value: string): number {
    const order = Number(value);
    if (!Number.isInteger(order) || order < 1 || order > 1000) {
      throw new BadRequestException('id must be between 1 and 1000');
    }
    return order;
  }
}

@Catch(UnknownOrderError)
export class UnknownOrderFilter implements ExceptionFilter<UnknownOrderError> {
  catch(error: UnknownOrderError, host: ArgumentsHost): void {
    host
      .switchToHttp()
      .getResponse()
      .status(404)
      .send({ error: `Order ${error.order} is unknown` });
  }
}

@Controller('orders')
@UseGuards(AuthorizedGuard)
@UseInterceptors(MarkInterceptor)
@UseFilters(UnknownOrderFilter)
export class OrderController {
  constructor(
    private readonly orders: Orders,
    private readonly audit: Audit,
  ) {}

  @Get(':id')
  quote(@Param('id', OrderNumberPipe) id: number): Quote {
    return this.orders.quote(id, this.audit);
  }
}
