// Runs in the page: every piece of text that is seen, with the contrast to what is behind it (WCAG 2, 1.4.3).
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data);
  };
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (channels(colour)[3] === 255) return colour;
    }
    return 'white';
  };
  return Array.from(document.querySelectorAll('main *, header *'), (node) => node)
    .filter(
      (node) =>
        node.checkVisibility() &&
        Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.textContent.trim()),
    )
    .filter((node) => node.namespaceURI.endsWith('xhtml'))
    .map((node) => {
      const levels = [luminance(getComputedStyle(node).color), luminance(behind(node))].sort((a, b) => a - b);
      return [node.textContent.trim().slice(0, 30), (levels[1] + 0.05) / (levels[0] + 0.05)];
    });
})();
