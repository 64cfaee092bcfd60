/** Where the class that `entity()` returns carries its model, as a property of its own. Not for programs: use `modelOf`. */
export const MODEL: unique symbol = Symbol('heddle.model')
