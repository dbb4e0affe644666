/** Starts a database, says where it is, and waits to be ended. */
import { startDatabase } from '../src/index.ts'

const database = await startDatabase({ own: true })
console.log(JSON.stringify({ url: database.url, port: database.port }))
if (process.argv[2] === 'exit') process.exit(0)
setInterval(() => {}, 1000)
