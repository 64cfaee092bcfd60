import { ArgumentError } from '../errors.ts'

/** An error that says which value of a statement cannot be sent, and why. Positions are counted from 1. */
export function refuse(position: number, problem: string, cause?: unknown): never {
  const text = `The statement's parameter ${position} ${problem}.`
  throw new ArgumentError(text, cause === undefined ? {} : { cause })
}

/** Refuses a Date that is no time. */
export function checkDate(date: Date, position: number): void {
  if (Number.isNaN(date.getTime())) refuse(position, 'is an invalid Date')
}

/** The JSON text of a plain object, or of one that says by `toJSON` what it is. */
export function jsonText(value: object, position: number): string {
  const prototype = Object.getPrototypeOf(value)
  const plain = prototype === Object.prototype || prototype === null || Array.isArray(value)
  if (!plain && typeof (value as { toJSON?: unknown }).toJSON !== 'function') {
    refuse(position, `is an instance of ${prototype?.constructor?.name || 'a class'}, which no column type holds`)
  }
  try {
    return JSON.stringify(value)
  } catch (error) {
    return refuse(position, 'cannot be written as JSON', error)
  }
}

/** Refuses what no driver can send; undefined most of all, which is nearly always a mistake. */
export function refuseType(value: unknown, position: number): never {
  if (value === undefined) return refuse(position, 'is undefined; give null for NULL')
  return refuse(position, `is a ${typeof value}, which no column type holds`)
}

/** A Buffer over the same bytes; drivers tell bytes by it. */
export function bufferOf(bytes: ArrayBufferView | ArrayBuffer): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes
  if (ArrayBuffer.isView(bytes)) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Buffer.from(bytes)
}

/** Whether a value is bytes in any of JavaScript's forms. */
export function isBytes(value: unknown): value is ArrayBufferView | ArrayBuffer {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer
}
