import core = require('@q/core')
import memory = require('@q/core/memory')
import middleware = require('@q/core/middleware')
import msgpack = require('@q/msgpack')
import parallel = require('@q/parallel')
import postgres = require('@q/postgres')
import workflow = require('@q/workflow')

export { core, memory, middleware, msgpack, parallel, postgres, workflow }
