import type { EngineCore } from './core.ts'

/** The database of an engine and its replicas, shared by the engines that `withOptions` derives. */
export interface EngineParts {
  readonly primary: EngineCore
  readonly replicas: readonly EngineCore[]
  /** How many connections went to replicas: they are taken in turn. */
  replicaTurns: number
}

/** Disposes of all of them. */
export async function disposeParts({ primary, replicas }: EngineParts, close: boolean): Promise<void> {
  await Promise.all([primary, ...replicas].map((core) => core.dispose(close)))
}
