/** The library as this example uses it; in a program of your own it is `from 'heddle'`. */
export * from '../../src/index.ts'
