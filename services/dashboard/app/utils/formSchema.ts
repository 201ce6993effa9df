/** The parts of JSON Schema that the gateway's OpenAPI document uses for the fields of a request. */
export interface JsonSchema {
  type?: string | string[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  enum?: (string | null)[]
  const?: string
  oneOf?: JsonSchema[]
  anyOf?: JsonSchema[]
  $ref?: string
  default?: string | number | boolean | null
  minimum?: number
  maximum?: number
  multipleOf?: number
  minLength?: number
  maxLength?: number
  format?: string
}

/** One field of a form. */
export interface FormField {
  /** Where it stands in the body, e.g. `config.map_config.count`. */
  path: string
  kind: 'integer' | 'number' | 'boolean' | 'choice' | 'text'
  required: boolean
  default?: string | number | boolean
  minimum?: number
  maximum?: number
  multipleOf?: number
  minLength?: number
  maxLength?: number
  /** All values of a choice, or proposals for a text. */
  options?: string[]
}

type Components = Record<string, JsonSchema>

/** A schema without its reference, and without the `null` that only says that it may be absent. */
function plain(schema: JsonSchema, components: Components): JsonSchema {
  if (schema.$ref) return plain(components[schema.$ref.split('/').pop() ?? ''] ?? {}, components)
  const [only, ...others] = (schema.anyOf ?? []).filter(({ type }) => type !== 'null')
  return only && others.length === 0 ? { ...plain(only, components), default: schema.default } : schema
}

/** The values that a schema lists, in one enumeration or as alternatives of one value each. */
const optionsOf = ({ enum: values, const: value, oneOf, anyOf }: JsonSchema): string[] =>
  value !== undefined ? [value] : (values?.filter((item) => item !== null) ?? (oneOf ?? anyOf ?? []).flatMap(optionsOf))

const KINDS = ['integer', 'number', 'boolean'] as const

/** The fields of a request's body as a flat list, objects in objects included. */
export function fieldsOf(schema: JsonSchema, components: Components, prefix = '', required = true): FormField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]): FormField[] => {
    const path = prefix + name
    const found = plain(property, components)
    const needed = required && (schema.required ?? []).includes(name)
    if (found.properties) return fieldsOf(found, components, `${path}.`, needed)
    const options = optionsOf(found)
    const types = [found.type].flat()
    return [
      {
        path,
        kind: options.length > 0 && !found.anyOf ? 'choice' : (KINDS.find((kind) => types.includes(kind)) ?? 'text'),
        required: needed,
        default: found.default ?? property.default ?? undefined,
        minimum: found.minimum,
        maximum: found.maximum,
        multipleOf: found.multipleOf,
        minLength: found.minLength,
        maxLength: found.maxLength,
        options: options.length > 0 ? options : undefined,
      },
    ]
  })
}
