/** What a run was told, and which of its steps was given what: a message goes to one step, and to that one again. */
import type { Message } from '../backend/runs.ts'
import type { TaskId } from '../task/task.ts'
import type { Row } from './row.ts'
import { copyEncoded } from './row.ts'

interface Letter extends Message {
  /** Place in the order in which they came. */
  readonly at: number
}

/** The messages of one run. */
export class Mailbox {
  /** Those of one name are given out in order: the first `given` of them have been. */
  readonly #byName = new Map<string, { readonly letters: Letter[]; given: number }>()
  /** What each step was given, by name. */
  readonly #given = new Map<TaskId, Map<string, Letter>>()
  readonly #keys = new Set<string>()
  /** Steps that wait for a message. */
  readonly #listening = new Set<Row>()
  #came = 0

  /** Keeps a message, and returns the steps that wait for it: until they are claimed. */
  post({ name, payload }: Message): Row[] {
    const letter = { name, payload: payload === null ? null : copyEncoded(payload), at: this.#came }
    this.#came += 1
    const box = this.#byName.get(name)
    if (box === undefined) this.#byName.set(name, { letters: [letter], given: 0 })
    else box.letters.push(letter)
    return [...this.#listening].filter(({ listen }) => listen?.includes(name))
  }

  /** Whether a message with this idempotency key came before. */
  knows(key: string): boolean {
    return this.#keys.has(key)
  }

  /** Notes the idempotency key of a message. */
  know(key: string): void {
    this.#keys.add(key)
  }

  /** Whether a message with one of the names has come that no step was given. */
  has(names: readonly string[]): boolean {
    return names.some((name) => this.#next(name) !== undefined)
  }

  /** A step waits for a message with one of the names. */
  listen(row: Row, names: readonly string[]): void {
    row.listen = [...names]
    this.#listening.add(row)
  }

  /** A step waits for no message any more. */
  forget(row: Row): void {
    row.listen = null
    this.#listening.delete(row)
  }

  /** See `Mailbox.peek` of the contract. */
  peek(step: TaskId, names: readonly string[]): Message[] {
    return this.#lettersFor(step, names).map(({ name, payload }) => ({
      name,
      payload: payload === null ? null : copyEncoded(payload),
    }))
  }

  /** See `Mailbox.receive` of the contract. */
  receive(step: TaskId, names: readonly string[]): Message[] {
    for (const letter of this.#lettersFor(step, names)) this.#give(step, letter)
    return this.peek(step, names)
  }

  /** See `Mailbox.discard` of the contract. */
  discard(step: TaskId, names: readonly string[]): void {
    for (const name of names) this.#given.get(step)?.delete(name)
  }

  /** What a step was given, and where it was given nothing the first that no step was. */
  #lettersFor(step: TaskId, names: readonly string[]): Letter[] {
    const known = this.#given.get(step)
    const letters = [...new Set(names)].flatMap((name) => known?.get(name) ?? this.#next(name) ?? [])
    return letters.sort((a, b) => a.at - b.at)
  }

  #next(name: string): Letter | undefined {
    const box = this.#byName.get(name)
    return box?.letters[box.given]
  }

  #give(step: TaskId, letter: Letter): void {
    const known = this.#given.get(step)
    if (known?.get(letter.name) === letter) return
    this.#byName.get(letter.name)!.given += 1
    if (known === undefined) this.#given.set(step, new Map([[letter.name, letter]]))
    else known.set(letter.name, letter)
  }
}
