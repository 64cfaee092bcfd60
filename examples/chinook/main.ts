/** Makes the store in memory, or in the database of a URL, and prints the answers: `node examples/chinook/main.ts [url]`. */
import { fill } from './data.ts'
import { entities } from './entities.ts'
import { createAll, createEngine, sessionmaker } from './heddle.ts'
import { questions } from './questions.ts'

await using engine = createEngine(process.argv[2] ?? 'sqlite://', { naming: 'camelToSnake' })
await createAll(engine, entities)
const Sessions = sessionmaker({ bind: engine })
await Sessions.begin((session) => fill(session))
await Sessions.begin(async (session) => {
  for (const { title, ask, columns } of questions) {
    const rows = await ask(session)
    console.log(`\n${title} (${rows.length})`)
    for (const row of rows.slice(0, 3)) {
      console.log(`  ${columns.map((name) => String((row as Record<string, unknown>)[name])).join(' | ')}`)
    }
  }
})
