/** docs/parity.md has a row for everything, and the files, tests and headings that it names exist. */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { root } from './markdown.ts'
import { anchors, hasTitle, parityComplaints, parityRows, type ReadText } from './parity.ts'

const readText: ReadText = (file) => {
  const full = path.join(root, file)
  return statSync(full, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(full, 'utf8') : undefined
}

test('the page of parity names only what exists, for every row', () => {
  const rows = parityRows(readText('docs/parity.md') ?? '')
  expect(parityComplaints(rows, readText)).toEqual([])
})

describe('the check of the page of parity', () => {
  const AREAS = [{ title: 'Tasks', rows: [['T01', 'task envelope'], ['T13+', 'uniqueness']] as const }] // prettier-ignore
  const FILES: Readonly<Record<string, string>> = {
    'src/task.ts': 'export interface Task {}',
    'test/task.test.ts': "test('a task has args', () => {})\ntest.each(all)('%s isn\\'t lost', () => {})",
    'docs/tasks.md': '# Tasks\n\n## What a task is\n\n```md\n## Not a heading\n```\n',
  }
  const GOOD = '`src/task.ts` | `test/task.test.ts` "a task has args" | `docs/tasks.md#what-a-task-is`'
  const row = (id: string, name: string, rest: string): string => `| ${id} | ${name} | ${rest} |`
  const complaints = (...lines: string[]): string[] =>
    parityComplaints(parityRows(lines.join('\n')), (file) => FILES[file], AREAS)
  const second = row('T13+', 'uniqueness', 'not yet | | |')

  test('finds nothing wrong with a page that is right', () => {
    const both = `\`test/task.test.ts\` "a task has args" "%s isn't lost"`
    const page = [
      '| ID | name | state | code | tests | docs |',
      '|---|---|---|---|---|---|',
      row('T01', 'task envelope', `done | \`src/task.ts\` | ${both} | \`docs/tasks.md\` |`.slice(0, -2)),
    ]
    expect(complaints(...page, second)).toEqual([])
  })

  const wrong: [string, string[], string[]][] = [
    ['a row that is missing', [second], ['T01: there is no row for it (task envelope).']],
    ['a row twice', [row('T01', 'task envelope', `done | ${GOOD}`), second, second], ['T13+: has two rows.']],
    [
      'a row that nobody asked for',
      [row('T01', 'task envelope', `done | ${GOOD}`), second, row('T99', 'more', `done | ${GOOD}`)],
      ['T99: no such row is asked for.'],
    ],
    [
      'another name',
      [row('T01', 'envelope', `done | ${GOOD}`), second],
      ['T01: it is called "task envelope", not "envelope".'],
    ],
    [
      'a state of its own, and a difference without a reason',
      [row('T01', 'task envelope', `nearly | ${GOOD}`), row('T13+', 'uniqueness', `different: | ${GOOD}`)],
      [
        'T01: its state must be "done", "not yet" (": what is missing") or "different: why", not "nearly".',
        'T13+: its state must be "done", "not yet" (": what is missing") or "different: why", not "different:".',
      ],
    ],
    [
      'something done that names nothing',
      [row('T01', 'task envelope', 'done | | |'), second],
      ['T01: names no code.', 'T01: names no tests.', 'T01: names no docs.'],
    ],
    [
      'files that do not exist',
      [
        row('T01', 'task envelope', 'done | `src/gone.ts` | `test/gone.test.ts` "x" | `docs/gone.md`'),
        row('T13+', 'uniqueness', 'not yet: half of it | `src/soon.ts` | |'),
      ],
      [
        'T01: there is no file src/gone.ts.',
        'T01: there is no file test/gone.test.ts.',
        'T01: there is no file docs/gone.md.',
        'T13+: there is no file src/soon.ts.',
      ],
    ],
    [
      'a title that is only part of one, and a test file without a title',
      [
        row('T01', 'task envelope', 'done | `src/task.ts` | `test/task.test.ts` "a task has" | `docs/tasks.md`'),
        row('T13+', 'uniqueness', 'done | `src/task.ts` | `test/task.test.ts` | `docs/tasks.md`'),
      ],
      ['T01: test/task.test.ts has no test "a task has".', 'T13+: names no test in test/task.test.ts.'],
    ],
    [
      'a heading that does not exist, or only in a block of code',
      [
        row('T01', 'task envelope', `done | ${GOOD.replace('what-a-task-is', 'what')}`),
        row('T13+', 'uniqueness', `done | ${GOOD.replace('what-a-task-is', 'not-a-heading')}`),
      ],
      ['T01: docs/tasks.md has no heading #what.', 'T13+: docs/tasks.md has no heading #not-a-heading.'],
    ],
  ]
  test.each(wrong)('notices %s', (_, lines, said) => {
    expect(complaints(...lines)).toEqual(said)
  })

  test('refuses a row with a cell too many', () => {
    expect(() => complaints(row('T01', 'task envelope', `done | ${GOOD} | more`))).toThrow('row T01 has 7 cells')
  })

  test('knows anchors as GitHub makes them', () => {
    expect(anchors('# Read on\n## `ctx.log`, and more\n## Read on\n')).toEqual([
      'read-on',
      'ctxlog-and-more',
      'read-on-1',
    ])
  })

  test('takes a title only as a whole string', () => {
    expect(hasTitle("test('a b', …)", 'a b')).toBe(true)
    expect(hasTitle('// a b', 'a b')).toBe(false)
  })
})
