"""A figure as a list of what it draws: laid out once, then written in every format.

matplotlib lays a figure out anew for each format, and once more to find its box. To place ticks and text takes longer
than to write a file, so a report would spend two thirds of its time on the same answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Affine2DBase, Bbox, IdentityTransform, Transform, TransformedPath
from numpy.typing import NDArray

Points = NDArray[np.float64]
Stroke = Callable[[RendererBase, GraphicsContextBase, Affine2D], None]
"""Draws one thing by a renderer, moved by a transform from points to its units."""


@dataclass(frozen=True)
class Anchored:
    """A text as the SVG backend asks for it, at its new place: how it is aligned, so that another font fits as well."""

    text: Text
    place: Points

    def get_transform(self) -> IdentityTransform:
        return IdentityTransform()

    def get_unitless_position(self) -> Points:
        return self.place

    def __getattr__(self, name: str) -> Any:
        return getattr(self.text, name)


class Notes(RendererBase):
    """Writes down what is drawn, in points from the lower left corner, and the box around all of it."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__()
        self.width, self.height = width, height
        self.strokes: list[tuple[GraphicsContextBase, Stroke]] = []
        self.corners: list[Points] = []

    def flipy(self) -> bool:
        return False

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self.width, self.height

    def option_scale_image(self) -> bool:
        return True

    def option_image_nocomposite(self) -> bool:
        return True

    def _note(self, gc: GraphicsContextBase, points: Points, stroke: Stroke) -> None:
        kept = GraphicsContextBase()
        kept.copy_properties(gc)
        self.strokes.append((kept, stroke))
        points = points[np.isfinite(points).all(1)]
        if not len(points):
            return
        ends = np.stack([points.min(0), points.max(0)])
        if (clip := gc.get_clip_rectangle()) is not None:
            ends = np.clip(ends, clip.min, clip.max)
        self.corners.append(ends)

    def draw_path(self, gc: Any, path: Outline, transform: Transform, rgbFace: Any = None) -> None:
        placed: Any = transform.frozen()
        self._note(
            gc,
            placed.transform(path.vertices),
            lambda renderer, own, move: renderer.draw_path(own, path, placed + move, rgbFace),
        )

    def draw_markers(
        self,
        gc: Any,
        marker_path: Outline,
        marker_trans: Transform,
        path: Outline,
        trans: Transform,
        rgbFace: Any = None,
    ) -> None:
        shape: Any = marker_trans.frozen()
        places: Any = trans.frozen()
        around = shape.transform(marker_path.vertices)
        points = places.transform(path.vertices)
        if len(points) == 1 and not points.any():
            # An area between curves, at the origin: moved with the picture, that would lie outside of the page, where
            # SVG leaves out markers.
            return self.draw_path(gc, marker_path, shape, rgbFace)
        return self._note(
            gc,
            np.concatenate([points + around.min(0), points + around.max(0)]),
            lambda renderer, own, move: renderer.draw_markers(
                own, marker_path, shape + Affine2D().scale(move.get_matrix()[0, 0]), path, places + move, rgbFace
            ),
        )

    def draw_image(self, gc: Any, x: float, y: float, im: Any, transform: Affine2DBase | None = None) -> None:
        assert transform is not None, "interpolation='none' lets each format scale the image"
        placed: Any = transform.frozen() + Affine2D().translate(x, y)

        def draw(renderer: RendererBase, own: GraphicsContextBase, move: Affine2D) -> None:
            if renderer.option_scale_image():
                renderer.draw_image(own, 0.0, 0.0, im, placed + move)
            else:
                renderer.draw_image(own, *_pixels(im, placed + move))

        self._note(gc, placed.transform([(0.0, 0.0), (1.0, 1.0)]), draw)

    def draw_text(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,
        mtext: Text | None = None,
    ) -> None:
        width, height, below = self.get_text_width_height_descent(s, prop, ismath)
        box = np.array([(0, -below), (width, -below), (0, height - below), (width, height - below)])
        turned = Affine2D().rotate_deg(angle).translate(x, y)
        anchor: Any = mtext and mtext.get_transform().transform(mtext.get_unitless_position())

        def draw(renderer: RendererBase, own: GraphicsContextBase, move: Affine2D) -> None:
            right, up = move.transform((x, y))
            if renderer.flipy():
                up = renderer.get_canvas_width_height()[1] - up
            moved: Any = mtext and Anchored(mtext, move.transform(anchor))
            renderer.draw_text(own, right, up, s, prop, angle, ismath=ismath, mtext=moved)

        self._note(gc, turned.transform(box), draw)


def _pixels(image: Any, transform: Affine2DBase) -> tuple[float, float, Any]:
    """Left and lower edge of an image in pixels, and each of its pixels in the colour of the nearest cell.

    Args:
        image: [rows, columns, 4].
        transform: from the unit square, whose first row of cells is at 0, to pixels.
    """
    rows, columns = image.shape[:2]
    (left, bottom), (right, top) = transform.transform([(0.0, 0.0), (1.0, 1.0)])
    x, y = (np.arange(round(min(ends)), max(round(max(ends)), 1)) + 0.5 for ends in ((left, right), (bottom, top)))
    across = np.clip(columns * (x - left) / (right - left), 0, columns - 1).astype(int)
    up = np.clip(rows * (y - bottom) / (top - bottom), 0, rows - 1).astype(int)
    return x[0] - 0.5, y[0] - 0.5, np.ascontiguousarray(image[up][:, across])


class Picture(Figure):
    """What a figure draws, cut to its box; `savefig` writes it without laying it out."""

    def __init__(self, figure: Figure, padding: float) -> None:
        """Lays out a figure, whose background becomes this one's.

        Args:
            padding: inches around what is drawn.
        """
        figure.dpi = 72
        figure.patch.set_visible(False)
        notes = Notes(*(72 * figure.get_size_inches()))
        figure.draw(notes)
        box = Bbox([np.min(notes.corners, (0, 1)), np.max(notes.corners, (0, 1))] if notes.corners else figure.bbox)
        box = box.padded(72 * padding)
        super().__init__(figsize=(box.width / 72, box.height / 72), facecolor=figure.get_facecolor())
        self._corner, self._strokes = (box.x0, box.y0), notes.strokes

    @cached_property
    def _moved(self) -> dict[tuple[float, ...], Bbox]:
        """Clip rectangles, each made once: PDF tells them apart by identity."""
        return {}

    def draw(self, renderer: RendererBase) -> None:
        """Draws everything again, in the units of a renderer."""
        self.patch.draw(renderer)
        left, bottom = self._corner
        move = Affine2D().translate(-left, -bottom).scale(self.dpi / 72)
        for kept, stroke in self._strokes:
            own = renderer.new_gc()
            own.copy_properties(kept)
            if (clip := kept.get_clip_rectangle()) is not None:
                moved = move.transform_bbox(clip)
                own.set_clip_rectangle(self._moved.setdefault(moved.bounds, moved))
            outline: Any  # which its annotation takes for another type
            outline, placed = kept.get_clip_path()
            if placed is not None:
                own.set_clip_path(TransformedPath(outline, placed + move))
            stroke(renderer, own, move)
            own.restore()
