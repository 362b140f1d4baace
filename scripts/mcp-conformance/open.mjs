// Stands for the user's browser: opens a page and follows where it leads.
const limit = AbortSignal.timeout(20_000);
await fetch(process.argv[2], { signal: limit }).then((page) => page.text());
