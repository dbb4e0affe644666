/** Reads a list to its end, page by page, and checks that each page keeps its bounds. */
import assert from 'node:assert/strict'
import type { Page, PageRequest } from '@q/core'

/** More pages than any case needs; a broken list must not keep one from ending. */
const MANY = 2_000

/** Every item of a list. A page may be empty and still go on. */
export async function everyItem<T>(list: (page: PageRequest) => Promise<Page<T>>, limit?: number): Promise<T[]> {
  const items: T[] = []
  const size = limit === undefined ? {} : { limit }
  let page = await list(size)
  for (let pages = 1; ; pages++) {
    assert.ok(page.items.length <= (limit ?? 50), `a page of ${page.items.length} where ${limit ?? 50} were asked for`)
    items.push(...page.items)
    if (page.next === null) return items
    assert.ok(pages < MANY, 'a list that never ends')
    page = await list({ ...size, cursor: page.next })
  }
}
