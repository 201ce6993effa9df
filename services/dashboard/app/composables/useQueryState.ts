/**
 * A value that lives in the address, so that a link, a reload and the back button keep it. The default is not written.
 */
export function useQueryState(key: string, fallback = '') {
  const route = useRoute()
  const router = useRouter()
  return computed({
    get: () => String(route.query[key] ?? fallback),
    set: (value) => void router.replace({ query: { ...route.query, [key]: value === fallback ? undefined : value } }),
  })
}
