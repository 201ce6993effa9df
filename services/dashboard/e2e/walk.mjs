// A researcher's walk through the dashboard in a real browser: `DASHBOARD=http://… node e2e/walk.mjs`.
//
// Starts a small run through the form, watches it to its end, plays an episode back, and visits every page in both languages.
// On every page: nothing goes wrong on the console, nothing is loaded from elsewhere, axe-core finds nothing, and 375 pixels are enough.

import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const PATIENCE = 60_000
const LANGUAGES = { en: 'Training sessions', ja: '学習セッション' }
const NAMES = { en: 'English', ja: '日本語' }
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const dashboard = process.env.DASHBOARD ?? 'http://127.0.0.1:3000'
const complaints = []

const browser = await chromium.launch({ executablePath: onPath(BROWSERS), args: ['--no-sandbox', '--disable-quic'] })
try {
  const page = await open(browser)
  const session = await train(page)
  await playBack(page, session)
  for (const [language, title] of Object.entries(LANGUAGES)) {
    await speak(page, language, title)
    for (const path of ['/', '/sessions/new', `/sessions/${session}`, `/sessions/${session}/playback`, '/agents', '/models', '/system']) {
      await inspect(page, path, language)
    }
  }
} catch (error) {
  complaints.push(String(error), await lastSeen(browser))
} finally {
  await browser.close()
}
if (complaints.length > 0) {
  console.error(complaints.join('\n'))
  process.exit(1)
}
console.log('every page is as it should be')

/** What the page says at the moment, for whoever reads why the walk ended early. */
async function lastSeen(browser) {
  const page = browser.contexts()[0]?.pages()[0]
  return page ? `${page.url()} says: ${await page.evaluate(() => document.body.innerText)}` : 'no page'
}

function onPath(names) {
  const directories = (process.env.PATH ?? '').split(delimiter)
  const found = directories.flatMap((directory) => names.map((name) => join(directory, name))).find(isExecutable)
  if (!found) throw new Error(`none of ${names.join(', ')} is on PATH`)
  return found
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

async function open(browser) {
  const context = await browser.newContext({ locale: 'en-GB', bypassCSP: true, viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE)
  page.on('console', (message) => message.type() === 'error' && complaints.push(`console on ${page.url()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`error on ${page.url()}: ${error.message}`))
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url())
    if (/^(http|ws)/.test(protocol) && hostname !== '127.0.0.1') complaints.push(`${page.url()} asks ${hostname}`)
  })
  return page
}

/** Starts a small run through the form and watches it to its end; its number. */
async function train(page) {
  await page.goto(dashboard)
  await page.getByText('No training session yet.').waitFor()
  await page.getByRole('link', { name: 'New session' }).click()
  await page.getByLabel(/^Name/).fill('walk <b>through</b>')
  await page.getByLabel(/^Environment steps/).fill('20000')
  await page.getByRole('button', { name: 'Start training' }).click()
  await page.waitForURL(/\/sessions\/\d+$/)
  await page.getByRole('heading', { name: 'walk <b>through</b>' }).waitFor()
  await page.getByText('completed', { exact: true }).first().waitFor()
  await page.locator('.uplot canvas').first().waitFor()
  return Number(page.url().split('/').pop())
}

/** Plays an archived episode: the step that is shown goes on by itself. */
async function playBack(page, session) {
  await page.goto(`${dashboard}/sessions/${session}/playback`)
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  const position = page.getByRole('slider').first()
  await position.waitFor()
  await page.waitForFunction((slider) => Number(slider.value) > 2, await position.elementHandle())
}

async function speak(page, language, title) {
  await page.goto(dashboard)
  await page.getByRole('button', { name: NAMES[language] }).click()
  await page.getByRole('heading', { level: 1, name: title }).waitFor()
  // The server, too, speaks it from the next page on.
  await page.reload()
  if ((await page.getAttribute('html', 'lang')) !== language) complaints.push(`${page.url()} is not in ${language}`)
}

async function inspect(page, path, language) {
  await page.goto(dashboard + path)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'))
  await page.addScriptTag({ path: axe })
  const { violations } = await page.evaluate(() => globalThis.axe.run())
  complaints.push(...violations.map(({ id, nodes }) => `${path} in ${language}: ${id} at ${nodes.map((node) => node.target).join(', ')}`))
  await page.setViewportSize({ width: 375, height: 800 })
  const surplus = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (surplus > 0) complaints.push(`${path} in ${language} is ${surplus} pixels too wide for a phone`)
  await page.setViewportSize({ width: 1280, height: 900 })
  const words = await page.evaluate(() => document.body.innerText)
  const key = words.match(/\b(nav|common|sessions|newSession|session|playback|grid|agents|models|system|socket)\.[a-z]\w+/)
  if (key) complaints.push(`${path} in ${language} shows the key ${key[0]}`)
}
