/** The few values that are written into a statement's text where all of its rows have them. Few, so that there are few texts. */
export type Literal = 'null' | '0' | '1'

/** What all rows have at a place, where it is one of these: each value sent costs as much as the next. Undefined for all else. */
export function sharedLiteral(rows: readonly (readonly unknown[])[], place: number): Literal | undefined {
  const value = rows[0]?.[place]
  const literal = literalFor(value)
  return literal !== undefined && rows.every((row) => Object.is(row[place], value)) ? literal : undefined
}

function literalFor(value: unknown): Literal | undefined {
  if (value === null) return 'null'
  if (value === true || value === 1) return '1'
  // Not the negative zero, which a column of doubles keeps.
  return value === false || Object.is(value, 0) ? '0' : undefined
}
