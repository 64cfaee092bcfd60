import { QueryTypes, Sequelize } from 'sequelize'

export const library = 'Sequelize'

export async function open(url, size) {
  const sequelize = new Sequelize(url, { logging: false, pool: { max: size, min: 0, acquire: 3_000 } })
  const run = async (transaction, text) => {
    const isSelect = /^select/i.test(text)
    const result = await sequelize.query(text, { transaction, ...(isSelect && { type: QueryTypes.SELECT }) })
    return isSelect ? result : []
  }
  return {
    transaction: (work) => sequelize.transaction(work),
    nested: (transaction, work) => sequelize.transaction({ transaction }, work),
    run,
    alone: (text) => run(undefined, text),
    close: () => sequelize.close(),
  }
}
