import core = require('@q/core')
import memory = require('@q/core/memory')
import middleware = require('@q/core/middleware')
import postgres = require('@q/postgres')

export { core, memory, middleware, postgres }
