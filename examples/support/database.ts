/**
 * Lets an example read `DATABASE_URL` as a program of yours would: when it is not set, a Postgres is
 * started for the life of the process and named there.
 */
import { startDatabase } from '@q/dev-database'

process.env['DATABASE_URL'] ||= (await startDatabase()).url
