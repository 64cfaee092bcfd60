import { DataSource } from 'typeorm'

export const library = 'TypeORM'

export async function open(url, size) {
  const source = await new DataSource({
    type: 'postgres',
    url,
    entities: [],
    poolSize: size,
    logging: false,
  }).initialize()
  return {
    transaction: (work) => source.transaction(work),
    nested: (manager, work) => manager.transaction(work),
    run: (manager, text) => manager.query(text),
    alone: (text) => source.query(text),
    close: () => source.destroy(),
  }
}
