/** What kind of failure a driver's error is, as the dialect reads it. */
export type FailureKind =
  | 'unique'
  | 'foreign key'
  | 'not null'
  | 'check'
  | 'integrity'
  | 'deadlock'
  | 'serialization'
  | 'lock not available'
  | 'timeout'
  | 'disconnect'
  | 'operational'
  | 'programming'
  | 'data'
  | 'other'

/** A driver's error, read by the dialect. */
export interface Classification {
  readonly kind: FailureKind
  readonly constraint?: string
  readonly table?: string
  readonly column?: string
  /** SQLSTATE, MySQL's symbolic code, or SQLite's extended result code. */
  readonly databaseCode?: string
}

/** Reads a driver's error. Gets any thrown value; what it does not know is 'other'. */
export type Classify = (error: unknown) => Classification
