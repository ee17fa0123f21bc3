// What the theme adds to a page while it loads: the buttons of a block of code are no landmark, and what can be scrolled can be reached by keyboard.
const scrolled = ".md-typeset__scrollwrap, .md-typeset__table, .wide, .md-typeset pre > code"

function mend() {
  for (const each of document.querySelectorAll("nav.md-code__nav:not([role])")) each.setAttribute("role", "none")
  for (const each of document.querySelectorAll(scrolled)) if (each.scrollWidth > each.clientWidth) each.tabIndex = 0
}

new MutationObserver(mend).observe(document.body, { childList: true, subtree: true })
addEventListener("resize", mend)
mend()
