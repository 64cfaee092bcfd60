import { expect, it } from 'vitest'
import { chaos } from '../../support/faults/chaos.ts'
import { mariadb, postgres } from '../../support/faults/products.ts'
import { onEvery } from '../../support/index.ts'

/** The bounded form of `npm run chaos`. */
onEvery({ needs: ['server'] }, (db) => {
  it('the books balance, what was answered is stored, and nothing leaks while backends are killed at random', async () => {
    const product = db.name === 'postgres' ? postgres : mariadb
    const report = await chaos({ url: db.url, product, seconds: 3, clients: 16 })
    expect(report.problems).toEqual([])
    expect(report.leaked).toBe(0)
  })
})
