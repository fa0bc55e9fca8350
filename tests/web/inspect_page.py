"""What a browser has drawn, measured: too wide, one over another, too small to touch, out of order.

The scripts here are the test's own; Chromium runs them also where the page may run none.
"""

from typing import Any

from playwright.async_api import Page

TOUCH_PX = 24
"""WCAG 2.2, 2.5.8: links within a sentence excepted."""

FAULTS = """(touch) => {
  const faults = [], name = (e) => e.tagName.toLowerCase() + ' ' + (e.textContent || e.id).trim().slice(0, 40);
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) faults.push(`the page is ${wide} px wider than the window`);

  const levels = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => +h.tagName[1]);
  if (levels.filter((l) => l === 1).length !== 1 || levels[0] !== 1) faults.push('not one h1, first');
  levels.forEach((l, n) => { if (n && l > levels[n - 1] + 1) faults.push(`h${l} after h${levels[n - 1]}`); });

  const clipped = (e) => !e.checkVisibility() || e.closest('.sr, thead') && getComputedStyle(e.closest('.sr, thead')).clipPath !== 'none';
  for (const e of document.querySelectorAll('a,button,summary,select,input:not([type=hidden])')) {
    const box = e.getBoundingClientRect();
    if (clipped(e) || !box.width || box.bottom < 0) continue;
    const rest = [...e.parentElement.childNodes].filter((n) => n !== e && n.textContent.trim());
    const isInText = getComputedStyle(e).display === 'inline' && rest.length > 0;
    if (!isInText && (box.height < touch - .5 || box.width < touch - .5))
      faults.push(`${name(e)} is ${Math.round(box.width)} by ${Math.round(box.height)} px`);
  }

  const boxes = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement;
    if (!node.data.trim() || e.closest('svg') || clipped(e)) continue;
    const range = document.createRange(); range.selectNodeContents(node);
    for (const r of range.getClientRects()) {
      let { left, right, top, bottom } = r;
      for (let p = e; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== 'visible') {
        const edge = p.getBoundingClientRect();
        left = Math.max(left, edge.left); right = Math.min(right, edge.right);
      }
      if (right - left > 1 && bottom > 0) boxes.push({ node, left, right, top: top + 3, bottom: bottom - 3 });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  boxes.forEach((a, n) => {
    for (let m = n + 1; m < boxes.length && boxes[m].top < a.bottom; m++) {
      const b = boxes[m];
      if (a.node !== b.node && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2)
        faults.push(`“${a.node.data.trim().slice(0, 30)}” lies over “${b.node.data.trim().slice(0, 30)}”`);
    }
  });
  return faults;
}"""

REACHABLE = """() => [...document.querySelectorAll('a[href],button,summary,select,input,[tabindex="0"]')]
  .filter((e) => e.type !== 'hidden' && e.checkVisibility()).map((e) => e.outerHTML.slice(0, 90))"""

REACHED = """() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
  return { name: e.outerHTML.slice(0, 90), is_seen: s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
    && b.bottom > 0 && b.top < innerHeight && b.width > 1 }; }"""

MOTIONS = """() => [...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);
  return parseFloat(s.transitionDuration) > 0 || s.animationName !== 'none'; }).map((e) => e.outerHTML.slice(0, 60))"""


async def faults(page: Page) -> list[str]:
    """Return what is wrong with the page as it stands, in words."""
    found: list[str] = await page.evaluate(FAULTS, TOUCH_PX)
    return found


async def tabbed(page: Page, *, at_most: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the Tab key reached, in its order, and what stands in the document in its."""
    expected: list[str] = await page.evaluate(REACHABLE)
    reached = []
    for _ in range(min(at_most, len(expected))):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate(REACHED))
    return reached, expected


async def axe_violations(page: Page) -> list[Any]:
    """Return what axe-core, which must be there already, holds against the page as it stands."""
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe looked at nothing"
    return [
        (each["id"], each["impact"], [node["html"] for node in each["nodes"]][:3])
        for each in found["violations"]
    ]


async def motions(page: Page) -> list[str]:
    """Return the elements that move by themselves or when they change."""
    found: list[str] = await page.evaluate(MOTIONS)
    return found
