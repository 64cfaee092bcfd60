const nothing: readonly never[] = []

/**
 * A Set that is made when its first value comes: most of those that a session keeps stay empty, and making a Set costs more than a
 * field.
 */
export class LazySet<Value> {
  #set: Set<Value> | undefined

  get size(): number {
    return this.#set === undefined ? 0 : this.#set.size
  }

  has(value: Value): boolean {
    return this.#set?.has(value) === true
  }

  add(value: Value): void {
    this.#set ??= new Set()
    this.#set.add(value)
  }

  delete(value: Value): boolean {
    return this.#set?.delete(value) === true
  }

  clear(): void {
    this.#set = undefined
  }

  [Symbol.iterator](): Iterator<Value> {
    return (this.#set ?? nothing)[Symbol.iterator]()
  }
}

/**
 * A Set into which many values are put and that seldom is asked for one of them: until it is, they are a list. Whoever adds sees to it
 * that a value comes once; one that comes twice may be given twice, and counted twice.
 */
export class AppendSet<Value> {
  #list: Value[] | undefined
  /** In place of the list, once there is one. */
  #set: Set<Value> | undefined

  get size(): number {
    return this.#set?.size ?? this.#list?.length ?? 0
  }

  has(value: Value): boolean {
    return this.size > 0 && this.#asSet().has(value)
  }

  add(value: Value): void {
    if (this.#set !== undefined) this.#set.add(value)
    else if (this.#list !== undefined) this.#list.push(value)
    else this.#list = [value]
  }

  delete(value: Value): boolean {
    return this.size > 0 && this.#asSet().delete(value)
  }

  clear(): void {
    this.#list = undefined
    this.#set = undefined
  }

  [Symbol.iterator](): Iterator<Value> {
    return (this.#set ?? this.#list ?? nothing)[Symbol.iterator]()
  }

  #asSet(): Set<Value> {
    this.#set ??= new Set(this.#list)
    this.#list = undefined
    return this.#set
  }
}

/** A Map that is made when its first entry comes. */
export class LazyMap<Key, Value> {
  #map: Map<Key, Value> | undefined

  get size(): number {
    return this.#map === undefined ? 0 : this.#map.size
  }

  has(key: Key): boolean {
    return this.#map?.has(key) === true
  }

  get(key: Key): Value | undefined {
    return this.#map?.get(key)
  }

  set(key: Key, value: Value): void {
    this.#map ??= new Map()
    this.#map.set(key, value)
  }

  delete(key: Key): boolean {
    return this.#map?.delete(key) === true
  }

  clear(): void {
    this.#map = undefined
  }

  keys(): Iterable<Key> {
    return this.#map === undefined ? nothing : this.#map.keys()
  }

  values(): Iterable<Value> {
    return this.#map === undefined ? nothing : this.#map.values()
  }

  [Symbol.iterator](): Iterator<[Key, Value]> {
    return (this.#map ?? nothing)[Symbol.iterator]()
  }
}
