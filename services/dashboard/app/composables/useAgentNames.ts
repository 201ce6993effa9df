import type { Schemas } from '~/composables/useGateway'

/** Names and descriptions of scripted agents in the language of the page; the gateway's own for agents not known here. */
export function useAgentNames() {
  const { t, te } = useI18n()
  const translated = (key: string, own: string) => (te(key) ? t(key) : own)

  return {
    agentName: (type: Schemas['AgentType'], own: string) => translated(`agents.names.${type}`, own),
    agentDescription: ({ type, description }: Schemas['AgentDefinition']) => translated(`agents.descriptions.${type}`, description),
  }
}
