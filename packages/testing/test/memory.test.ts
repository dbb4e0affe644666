import { CAPABILITIES } from '@q/core'
import { MemoryBackend } from '@q/core/memory'
import { describeBackend, VirtualClock } from '../src/index.ts'

describeBackend(
  'memory',
  async () => {
    const clock = new VirtualClock()
    return { backend: new MemoryBackend({ clock }), advance: (ms) => clock.advance(ms) }
  },
  // it has no transactions
  { requires: [...CAPABILITIES.filter((name) => name !== 'transaction'), 'advance'] },
)
