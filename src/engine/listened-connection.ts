/** A connection as the listeners of an engine see it: the Connection on which something happens. */
export interface ListenedConnection {
  /** What its holder calls itself. */
  readonly label: string
  /** What listeners keep about the driver connection; forgotten when that is closed. */
  readonly info: Map<unknown, unknown>
  readonly closed: boolean
  inTransaction(): boolean
  inNestedTransaction(): boolean
}
