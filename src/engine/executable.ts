import type { Compilable, CompiledQuery, RawBuilder } from 'kysely'

/** What can be executed: sql`…`, sql.raw(…), a query or schema builder of Kysely, or a CompiledQuery. */
export type Executable<Row = unknown> = Compilable<Row> | CompiledQuery<Row> | RawBuilder<Row>
