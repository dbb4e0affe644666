import { expectTypeOf, test } from 'vitest'
import { MemoryStorage } from '../../src/memory/index.ts'
import { chain, optional, when } from '../../src/middleware/combine.ts'
import { concurrencyLimit } from '../../src/middleware/concurrency-limit.ts'
import { filter } from '../../src/middleware/filter.ts'
import { log } from '../../src/middleware/log.ts'
import { mapArgs } from '../../src/middleware/map.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import { provide } from '../../src/middleware/provide.ts'
import { retry } from '../../src/middleware/retry.ts'
import { WorkerBuilder } from '../../src/worker/builder.ts'

interface Db {
  query(text: string): Promise<unknown[]>
}
declare const db: Db
const emails = new MemoryStorage<{ to: string }>({ queue: 'emails' })
const base = new WorkerBuilder('w').backend(emails)

test('handlers find what data() and provide() gave, typed', () => {
  base
    .data({ db })
    .data({ region: 'eu' })
    .use(retry())
    .use(log())
    .use(
      provide('user', async (ctx) => {
        expectTypeOf(ctx.data.db).toEqualTypeOf<Db>()
        return { name: ctx.args.to }
      }),
    )
    .build((_email, ctx) => {
      expectTypeOf(ctx.data.db).toEqualTypeOf<Db>()
      expectTypeOf(ctx.data.region).toEqualTypeOf<string>()
      expectTypeOf(ctx.data.user).toEqualTypeOf<{ name: string }>()
      expectTypeOf(ctx.args).toEqualTypeOf<{ to: string }>()
    })
})

test('without data there is none', () => {
  base.build((_email, ctx) => {
    expectTypeOf(ctx.data).toEqualTypeOf<object>()
    // @ts-expect-error -- nobody gave a db
    void ctx.data.db
  })
})

const needsDb: Middleware<{ db: Db }> = async (ctx, next) => {
  await ctx.data.db.query('select 1')
  return next()
}

test('a middleware whose needs are not met does not compile', () => {
  base.data({ db }).use(needsDb)
  // @ts-expect-error -- there is no db
  base.use(needsDb)
  // @ts-expect-error -- it comes too late
  base.use(needsDb).data({ db })
  // @ts-expect-error -- another db
  base.data({ db: 'postgres://' }).use(needsDb)
  // @ts-expect-error -- in a chain neither
  base.use(chain(log(), needsDb))
  // @ts-expect-error -- under a condition neither
  base.use(when(() => true, needsDb))
  base
    .data({ db })
    .use(chain(log(), needsDb))
    .use(when((ctx) => ctx.attempt > 1, needsDb))
})

test('a middleware sees args and data of its builder', () => {
  base.data({ db }).use((ctx, next) => {
    expectTypeOf(ctx.args).toEqualTypeOf<{ to: string }>()
    expectTypeOf(ctx.data).toEqualTypeOf<{ db: Db }>()
    return next()
  })
  base.use(filter((email) => email.to !== ''))
  base.use(mapArgs((email) => ({ to: email.to.toLowerCase() })))
  base.use(concurrencyLimit({ limit: 1, key: (email) => email.to }))
})

test('a middleware for other args does not compile', () => {
  const numbers: Middleware<object, object, number> = (_ctx, next) => next()
  // @ts-expect-error -- the queue holds { to }
  base.use(numbers)
  // @ts-expect-error -- nor as a predicate
  base.use(filter((n: number) => n > 1))
  // @ts-expect-error -- other args than the handler's
  base.use(mapArgs(() => ({ from: 'x' })))
  // @ts-expect-error -- before backend() nothing is known of the args
  new WorkerBuilder('w').use(filter((email: { to: string }) => email.to !== ''))
})

test('a handler that needs data which nobody gives does not compile', () => {
  // @ts-expect-error -- there is no db
  base.build((_email, ctx: { data: { db: Db } }) => ctx.data.db)
  base.data({ db }).build((_email, ctx: { data: { db: Db } }) => ctx.data.db)
})

test('middlewares of the library go on any builder, before and after backend()', () => {
  new WorkerBuilder('w')
    .use(retry())
    .use(log())
    .use(concurrencyLimit({ limit: 1 }))
    .backend(emails)
    .build(() => 1)
})

const needsUser: Middleware<{ user: { name: string } }> = (ctx, next) => {
  void ctx.data.user.name
  return next()
}
const user = provide('user', () => ({ name: 'x' }))

test('a chain adds what its middlewares add, to those after it, the later of its own and the handler', () => {
  base
    .use(chain(log(), user, needsUser))
    .use(needsUser)
    .build((_email, ctx) => {
      expectTypeOf(ctx.data.user).toEqualTypeOf<{ name: string }>()
    })
  base
    .data({ db })
    .use(
      chain(
        user,
        chain(
          needsDb,
          provide('region', () => 'eu'),
        ),
      ),
    )
    .build((_email, ctx) => {
      expectTypeOf(ctx.data.db).toEqualTypeOf<Db>()
      expectTypeOf(ctx.data.user).toEqualTypeOf<{ name: string }>()
      expectTypeOf(ctx.data.region).toEqualTypeOf<string>()
    })
  // @ts-expect-error -- it comes too late in the chain
  base.use(chain(needsUser, user))
  // @ts-expect-error -- another user
  base.use(chain(provide('user', () => ({ name: 1 })), needsUser)) // prettier-ignore
})

test('a chain that is made apart says itself what it needs', () => {
  const shared = chain(log(), needsDb, concurrencyLimit<{ to: string }>({ limit: 1, key: (email) => email.to }))
  base.data({ db }).use(shared)
  // @ts-expect-error -- there is no db
  base.use(shared)
  // @ts-expect-error -- other args
  new WorkerBuilder('w').backend(new MemoryStorage<number>()).data({ db }).use(shared)
  const logs = chain(log(), (ctx, next) => {
    ctx.log.info(ctx.taskId)
    return next()
  })
  base.use(logs)
})

test('what a middleware adds that is perhaps not run is perhaps there', () => {
  const check = (given: { name: string } | undefined): void => void given
  const debug: boolean = Date.now() > 0
  base.use(optional(debug && user)).build((_email, ctx) => {
    expectTypeOf(ctx.data.user).toEqualTypeOf<{ name: string } | undefined>()
    check(ctx.data.user)
  })
  base.use(when(() => debug, user)).build((_email, ctx) => check(ctx.data.user))
  // @ts-expect-error -- it may not be there
  base.use(optional(debug && user)).use(needsUser)
  base.use(optional(debug && log())).build((_email, ctx) => {
    expectTypeOf(ctx.data).toEqualTypeOf<object>()
  })
})
