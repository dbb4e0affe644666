/** A program that runs a task or two on threads, closes nothing and ends. */
import { attemptOf, handlerOf, rejection } from '../scene.ts'

const how = process.argv[2]
const handler = handlerOf('die', { threads: 2, idleTimeout: '1h' })
if (how === 'idle') await handler.handle('x', attemptOf().ctx)
if (how === 'dead') await rejection(handler.handle('exit', attemptOf().ctx))
if (how === 'broken') {
  for (const error of await Promise.all([1, 2].map(() => rejection(handler.handle('x', attemptOf().ctx)))))
    console.log(error.code, (error.cause as Error).message)
}
console.log(`${how} is over`)
