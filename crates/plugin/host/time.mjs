// What comes within so many milliseconds, or an error.
export function within(limit, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${Math.round(limit / 1000)} s`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
