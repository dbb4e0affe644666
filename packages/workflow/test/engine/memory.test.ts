/** The engine on the memory backend, worked on by a real worker. */
import { MemoryBackend, MemoryStorage } from '@q/core/memory'
import { describe } from 'vitest'
import { engineSuite } from '../suite/all.ts'
import { benchOf } from '../suite/support.ts'

describe('on memory', () => {
  engineSuite(
    benchOf(() => new MemoryStorage({ backend: new MemoryBackend({ keepFinished: 1_000_000 }), queue: 'flows' })),
  )
})
