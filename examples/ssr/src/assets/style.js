export default `
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; color: #222; background: #fafaf7; }
main { max-width: 40rem; margin: 0 auto; padding: 2rem 1rem; }
ul { padding: 0; list-style: none; }
li { padding: .4rem 0; border-bottom: 1px solid #e4e4dc; }
small { color: #666; }
input { font: inherit; padding: .3rem .6rem; width: 60%; }
`.trimStart();
