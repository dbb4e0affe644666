/** The same worker without a database: for tests, tools, and work that may die with its process. */
import { task, WorkerBuilder } from '@q/core'
import { MemoryStorage } from '@q/core/memory'

const words = new MemoryStorage<string>({ queue: 'words' })
await words.push('world')
await words.push(task('hello').priority(10))

const worker = new WorkerBuilder('printer')
  .backend(words)
  .concurrency(1)
  .build((word, ctx) => {
    console.log(word)
    if (word === 'world') void ctx.worker.stop()
  })
await worker.run()
await words.close()

// Prints:
//   hello
//   world
