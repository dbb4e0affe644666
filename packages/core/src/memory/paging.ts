/**
 * Pages of a list: the next few items after a cursor, found in one look at all of them.
 *
 * A cursor is the place of the last item in words, so that it goes on where the page ended whatever came and went.
 */
import type { Page, PageRequest } from '../backend/visibility.ts'
import { QError } from '../error.ts'
import { checkInteger, checkKnownOptions } from '../options.ts'
import { show } from '../show.ts'

const DEFAULT_PAGE = 50
const LARGEST_PAGE = 200
/** In no queue name, id or number, and needs no escape in a URL. */
const SEPARATOR = '~'

/** Where an item stands in its list. */
export type Place = readonly (number | string)[]

/** The order of a list. */
export interface ListOrder<T> {
  /** Names the list in errors. */
  readonly list: string
  /** Some place of this list: which of its fields are numbers. */
  readonly like: Place
  /** Unlike for any two items. */
  readonly placeOf: (item: T) => Place
  /** A strict total order of places, such as {@link placedBefore}. */
  readonly before: (a: Place, b: Place) => boolean
}

/** Ascending, field by field, text by code unit. */
export function placedBefore(a: Place, b: Place): boolean {
  for (const [at, field] of a.entries()) {
    const other = b[at]!
    if (field !== other) return field < other
  }
  return false
}

/**
 * A page of the items.
 * @throws QError `ERR_OPTION`
 */
export function pageOf<T, View>(
  items: Iterable<T>,
  request: PageRequest | undefined,
  order: ListOrder<T>,
  view: (item: T) => View,
): Page<View> {
  const given = request ?? {}
  checkKnownOptions(order.list, given, ['limit', 'cursor'])
  const { limit = DEFAULT_PAGE, cursor } = given
  checkInteger(order.list, 'limit', limit, 1, LARGEST_PAGE)
  const after = cursor === undefined ? undefined : readCursor(order, cursor)
  const first = new First<T>(limit + 1, order)
  for (const item of items) {
    const place = order.placeOf(item)
    if (after === undefined || order.before(after, place)) first.offer(item, place)
  }
  const page = first.items.slice(0, limit)
  const last = page.at(-1)
  return {
    items: page.map(({ item }) => view(item)),
    next: first.items.length > limit && last !== undefined ? last.place.join(SEPARATOR) : null,
  }
}

function readCursor<T>({ list, like }: ListOrder<T>, cursor: string): Place {
  const fields = typeof cursor === 'string' ? cursor.split(SEPARATOR) : []
  const place = fields.map((field, at) => (typeof like[at] === 'number' ? Number(field) : field))
  if (place.length === like.length && !place.some(Number.isNaN)) return place
  throw new QError('ERR_OPTION', `${list}: cursor must be the \`next\` of an earlier page, got ${show(cursor)}.`)
}

/** The first few of what it was offered, in order. */
class First<T> {
  readonly items: { readonly item: T; readonly place: Place }[] = []
  readonly #most: number
  readonly #order: ListOrder<T>

  constructor(most: number, order: ListOrder<T>) {
    this.#most = most
    this.#order = order
  }

  offer(item: T, place: Place): void {
    const items = this.items
    const before = this.#order.before
    if (items.length === this.#most) {
      if (!before(place, items.at(-1)!.place)) return
      items.pop()
    }
    let low = 0
    let high = items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (before(place, items[middle]!.place)) high = middle
      else low = middle + 1
    }
    items.splice(low, 0, { item, place })
  }
}
