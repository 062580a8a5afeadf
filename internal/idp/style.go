package idp

const logo = `<svg viewBox="0 0 24 24" aria-hidden="true"><circle cx="8" cy="12" r="4.5"/><path d="M12.5 12H22m-3 0v4m-3-4v3"/></svg>`

// css is the one style of all pages. The Content-Security-Policy lets in this text and no other.
const css = `
:root{color-scheme:light dark;--back:#eef0f5;--face:#fff;--ink:#1a1f2c;--soft:#596274;--line:#d9dee8;--main:#2f55c8;--on:#fff;--tint:#f0f4ff}
@media(prefers-color-scheme:dark){:root{--back:#101218;--face:#1a1d26;--ink:#e9ecf3;--soft:#a0a9ba;--line:#343a49;--main:#93aeff;--on:#0d1533;--tint:#212840}}
*{box-sizing:border-box;margin:0}
body{min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:1.25rem;padding:1.5rem 1rem;
background:var(--back);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;overflow-wrap:anywhere}
main{width:100%;max-width:27rem;padding:2rem;background:var(--face);border:1px solid var(--line);border-radius:1rem;box-shadow:0 8px 30px #0000000f}
header{display:flex;align-items:center;gap:.6rem;margin-bottom:1.5rem;font-weight:600;font-size:.95rem;color:var(--soft)}
svg{width:1.6rem;fill:none;stroke:var(--main);stroke-width:2.2;stroke-linecap:round}
h1{font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.01em}
h2,legend{padding:0;font-size:.9rem;font-weight:600;color:var(--soft)}
.soft{margin-top:.4rem;color:var(--soft)}
.where{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;color:var(--ink)}
fieldset{border:0;padding:0;margin:1.5rem 0}
.card{display:flex;align-items:center;gap:.8rem;margin-top:.5rem;padding:.7rem .9rem;border:1px solid var(--line);border-radius:.75rem;cursor:pointer}
.card:hover{background:var(--tint)}
.card:has(:checked){background:var(--tint);border-color:var(--main);box-shadow:inset 0 0 0 1px var(--main)}
.card:has(:focus-visible){outline:3px solid var(--main);outline-offset:2px}
.card input{order:1;margin-left:auto;flex:none;width:1.1rem;height:1.1rem;accent-color:var(--main);outline:0}
.avatar{flex:none;display:grid;place-items:center;width:2.5rem;height:2.5rem;border-radius:50%;color:#fff;font-weight:600;font-size:.9rem}
.hue0{background:#4a5fc1}.hue1{background:#0b7a6b}.hue2{background:#a14a7c}.hue3{background:#9a5b13}
.who{display:grid;line-height:1.35}
.who b{font-weight:600}
small{color:var(--soft);font-size:.875rem}
ul{list-style:none;padding:0;margin-top:.4rem}
li{position:relative;padding:.2rem 0 .2rem 1.6rem}
li:before{content:"";position:absolute;left:.3rem;top:.55rem;width:.35rem;height:.65rem;border:solid var(--main);border-width:0 2px 2px 0;transform:rotate(45deg)}
.buttons{display:flex;gap:.75rem;margin-top:1.75rem}
button{flex:1;padding:.7rem 1rem;font:inherit;font-weight:600;color:var(--ink);background:none;border:1px solid var(--line);border-radius:.6rem;cursor:pointer}
button:hover{background:var(--tint)}
button.main{color:var(--on);background:var(--main);border-color:var(--main)}
button.main:hover{filter:brightness(1.08)}
button:focus-visible,.code:focus-visible{outline:3px solid var(--main);outline-offset:2px}
.code{width:100%;margin-top:1.25rem;padding:.7rem;font:1.4rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;letter-spacing:.12em;text-align:center;
text-transform:uppercase;color:inherit;background:var(--back);border:1px solid var(--line);border-radius:.6rem}
footer{max-width:27rem;text-align:center;font-size:.85rem;color:var(--soft)}
@media(max-width:26rem){body{padding:0;justify-content:flex-start;background:var(--face)}main{border:0;border-radius:0;box-shadow:none;padding:1.5rem 1.25rem .5rem}footer{padding:0 1.25rem 1.5rem}}
`
