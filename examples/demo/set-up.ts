/** The schemas of the demo, made anew at each start. */
import { PostgresStorage } from '@q/postgres'
import type { Pool } from 'pg'

/** Holds the tasks. */
export const SCHEMA = 'q_demo'

/** Drops what an earlier demo left and makes the tables: the engine's, and those of a shop that uses it. */
export async function setUp(pool: Pool): Promise<void> {
  await pool.query(`set client_min_messages = warning; drop schema if exists ${SCHEMA}, q_demo_shop cascade`)
  await PostgresStorage.setup(pool, { schema: SCHEMA })
  await pool.query(`
    create schema q_demo_shop;
    create table q_demo_shop.orders (id int primary key);
    create table q_demo_shop.charges (order_id int primary key, task uuid not null)`)
}
