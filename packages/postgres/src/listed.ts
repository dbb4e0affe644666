/** Lists that look at a bounded number of entries: what they find, and where they stopped. */

/** An entry with its id: what is listed, or (fits false) only where the call stopped. `stopped`: there may be more behind it. */
export type Listed<Row> = { readonly listed: string; readonly stopped: boolean } & (
  ({ readonly fits: true } & Row) | { readonly fits: false }
)
