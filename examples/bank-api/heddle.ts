/**
 * The one place where the example says what heddle is: here, in heddle's own repository, its sources, so that nothing has to be
 * built first. In a program of your own this file does not exist, and the others say `from 'heddle'`.
 */
export * from '../../src/index.ts'
