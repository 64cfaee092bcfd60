import { describe, expect, it, onTestFinished } from 'vitest'
import { ArgumentError, entity, integer, manyToOne, oneToMany, validates, varchar } from '../../src/index.ts'

class Customer extends entity('validated_customers', {
  id: integer().primaryKey(),
  email: varchar(50),
  nick: varchar(50).nullable(),
  get orders() {
    return oneToMany(() => Sale, { backPopulates: 'customer' })
  },
}) {}
class Sale extends entity('validated_sales', {
  id: integer().primaryKey(),
  amount: integer().default(1),
  customerId: integer().nullable().references('validated_customers.id'),
  get customer() {
    return manyToOne(() => Customer, { backPopulates: 'orders' }).nullable()
  },
}) {}

function during(stop: () => void): void {
  onTestFinished(stop)
}

describe('a validator', () => {
  it('sees what new and assignments give to a column, and may replace or refuse it', () => {
    during(
      validates(Customer, 'email', (email) => {
        if (!email.includes('@')) throw new TypeError(`'${email}' is no address`)
        return email.trim()
      }),
    )
    const customer = new Customer({ email: ' a@b ' })
    expect(customer.email).toBe('a@b')
    expect(() => {
      customer.email = 'nobody'
    }).toThrow(new TypeError("'nobody' is no address"))
    expect(() => new Customer({ email: 'nobody' })).toThrow(TypeError)
    expect(customer.email).toBe('a@b')
  })

  it('may look at several properties, and ends when it is told', () => {
    const seen: unknown[] = []
    const stop = validates(Customer, ['email', 'nick'], (value, { property, target }) => {
      seen.push([property, value, target instanceof Customer])
      return value
    })
    const customer = new Customer({ email: 'a', nick: null })
    customer.nick = 'n'
    stop()
    customer.nick = 'm'
    expect(seen).toEqual([
      ['email', 'a', true],
      ['nick', null, true],
      ['nick', 'n', true],
    ])
  })

  it('sees members that join a collection, from either side, and those that leave where it wants to', () => {
    const seen: unknown[] = []
    during(
      validates(
        Customer,
        'orders',
        (order, { isRemoval }) => {
          if (order.amount > 9) throw new RangeError('too much')
          seen.push([order.amount, isRemoval])
          return order
        },
        { includeRemoves: true },
      ),
    )
    const customer = new Customer({ email: 'a', orders: [new Sale({ amount: 2 })] })
    const second = new Sale({ amount: 3, customer })
    second.customer = null
    expect(seen).toEqual([
      [2, false],
      [3, false],
      [3, true],
    ])
    expect(() => customer.orders.add(new Sale({ amount: 10 }))).toThrow(RangeError)
    const big = new Sale({ amount: 10 })
    expect(() => {
      big.customer = customer
    }).toThrow(RangeError)
    expect(big.customer).toBe(null)
  })

  it('can leave out what follows from the other side', () => {
    const seen: unknown[] = []
    during(
      validates(
        Sale,
        'customer',
        (customer) => {
          seen.push(customer)
          return customer
        },
        { includeBackrefs: false },
      ),
    )
    const customer = new Customer({ email: 'a', orders: [new Sale({})] })
    expect(seen).toEqual([])
    new Sale({ customer })
    expect(seen).toEqual([customer])
  })

  it('may give another instance in the place of a member', async () => {
    const other = new Sale({ amount: 5 })
    during(validates(Customer, 'orders', () => other))
    const customer = new Customer({ email: 'a' })
    customer.orders.add(new Sale({ amount: 1 }))
    expect([...(await customer.orders)]).toEqual([other])
  })

  it('must return the value, and name what there is', () => {
    during(validates(Customer, 'nick', (() => undefined) as never))
    expect(() => new Customer({ email: 'a', nick: 'x' })).toThrow(
      new ArgumentError(
        'The validator of nick returned nothing: it must return the value to take, the given one or another.',
      ),
    )
    expect(() => validates(Customer, 'emial' as 'email', (value) => value)).toThrow("did you mean 'email'?")
    expect(() => validates(Customer, 'email', 5 as never)).toThrow('a function is needed, number given')
    expect(() => validates(Customer, 'email', (value) => value, { includeRemove: true } as never)).toThrow(
      ArgumentError,
    )
  })
})
