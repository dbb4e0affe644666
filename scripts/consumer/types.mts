import * as core from '@q/core'
import * as memory from '@q/core/memory'
import * as middleware from '@q/core/middleware'
import * as msgpack from '@q/msgpack'
import * as parallel from '@q/parallel'
import * as postgres from '@q/postgres'
import * as testing from '@q/testing'
import * as workflow from '@q/workflow'

export { core, memory, middleware, msgpack, parallel, postgres, testing, workflow }
