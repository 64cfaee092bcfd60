/** The entry `heddle/kysely`: an engine's connections for queries of Kysely. */
export { engineDialect } from './engine/index.ts'
