import { readFileSync } from 'node:fs'
import { addTemplate, createResolver, defineNuxtModule } from 'nuxt/kit'
import { fieldsOf, type JsonSchema } from '../app/utils/formSchema'

interface Document {
  paths: Record<string, { post?: { requestBody: { content: Record<string, { schema: JsonSchema }> } } }>
  components: { schemas: Record<string, JsonSchema> }
}

/**
 * `#build/request-fields`: the fields of two requests with their defaults and limits, taken from the gateway's OpenAPI
 * document when the dashboard is built. The document itself, 280 kB, does not go to the browser.
 */
export default defineNuxtModule({
  meta: { name: 'request-fields' },
  setup(_, nuxt) {
    const path = createResolver(import.meta.url).resolve('../../../schemas/openapi/openapi.json')
    nuxt.options.watch.push(path)
    addTemplate({
      filename: 'request-fields.ts',
      write: true,
      getContents() {
        const { paths, components } = JSON.parse(readFileSync(path, 'utf8')) as Document
        const fields = (route: string) => {
          const schema = paths[`/api/v1/training/${route}`]?.post?.requestBody.content['application/json']?.schema
          if (!schema) throw new Error(`the OpenAPI document has no body of /training/${route}`)
          return JSON.stringify(fieldsOf(schema, components.schemas))
        }
        return [
          `import type { FormField } from '~/utils/formSchema'`,
          `export const createFields: FormField[] = ${fields('start')}`,
          `export const forkFields: FormField[] = ${fields('{id}/fork')}`,
          '',
        ].join('\n')
      },
    })
  },
})
