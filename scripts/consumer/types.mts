import * as core from '@q/core'
import * as memory from '@q/core/memory'
import * as middleware from '@q/core/middleware'
import * as postgres from '@q/postgres'
import * as testing from '@q/testing'

export { core, memory, middleware, postgres, testing }
