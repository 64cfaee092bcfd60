/** Runs one program with one library, and prints what happened as JSON: `node child.js A kysely URL`. */
import { programs } from './programs.js'

const [letter, name, url] = process.argv.slice(2)
const program = programs[letter]
const { open } = await import(`./libraries/${name}.js`)
const library = await open(url, program.poolSize ?? 5)
const outcome = await program.run(library, url)
console.log(`\n${JSON.stringify(outcome)}`)
process.exit(0)
