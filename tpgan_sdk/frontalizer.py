"""From a photo to frontal faces: detect, align, run the network, turn back."""

from __future__ import annotations

import logging
import operator
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from . import geometry
from .backends import Backend, create_backend
from .detectors import Detector, create_detector, faces_from_insightface
from .errors import BackendError, DetectorError, GeometryError, ImageError, TPGANError
from .faces.crops import FaceCrops, crop_aligned, detector_fault
from .faces.layers import SIZES
from .faces.refiner import LandmarkRefiner
from .geometry import CROP_SIZE
from .gpu.frames import GpuArray, GpuFrame
from .images.files import check_image
from .images.resample import UInt8Array
from .images.sources import PillowImage
from .models.model import Model, resolve_model
from .pipeline.pipeline import Cut, FacePipeline, Picture
from .types import BackendInfo, Detection, Face

log = logging.getLogger("tpgan_sdk")

ImageLike = str | Path | bytes | BinaryIO | PillowImage | npt.NDArray[Any] | GpuFrame | GpuArray
"""A file, an array, or what `tpgan_sdk.gpu.frames.frame_of` takes as BGR; a `GpuFrame` has
a format."""

_Job = tuple[Detection, Cut, int]
"""A face, what the runner cut of it, and the width of its frame."""


class Frontalizer:
    """Turns faces seen from the side into frontal ones.

    One object for one thread; `clone()` gives another thread its own, with the weights shared
    where the runtime allows. It is pickled as its arguments: another process opens its own.

    Args:
        model: name of a packaged model, path of an exported ONNX, or a `Model`; None: "edge".
        backend: "auto", "tensorrt", "onnxruntime-cuda", "onnxruntime-cpu", "openvino", the path
            of an `.engine`, or a `Backend`.
        detector: "auto", "packaged", "yuface", "yunet:PATH", "insightface:PATH", a path, or a
            `Detector`.
        device: "cpu", "cuda", "cuda:N" or N; None: what the backend prefers.
        max_batch: faces that the network is given at once.
        size: width and height of the frontal pictures: 128, or 256 and 512 with a model that
            fetches, which keep the photo's own sharpness where it shows the face.
        refine: whether the detector's landmarks are refined; those that you give never are.

    Raises:
        ModelError: the model is missing, damaged or not of this SDK.
        BackendError: no backend works, or the one asked for does not.
        DetectorError: the detector asked for does not work. With "auto" this is raised by the
            first call that needs one, so that `frontalize_aligned` works without any. In the same
            way that call raises a BackendError where ONNX Runtime, which refines, is missing.
    """

    def __init__(
        self,
        model: str | Path | Model | None = None,
        backend: str | Path | Backend = "auto",
        detector: str | Path | Detector = "auto",
        device: str | int | None = None,
        max_batch: int = 16,
        refine: bool = True,
        size: int = CROP_SIZE,
    ) -> None:
        if size not in SIZES:
            raise ValueError(f"size is {size!r}; expected {', '.join(map(str, SIZES))}")
        self.max_batch = _at_least_one(max_batch)
        self._arguments = {
            "model": model,
            "backend": backend,
            "detector": detector,
            "device": device,
            "max_batch": self.max_batch,
            "refine": refine,
            "size": size,
        }
        self.model = resolve_model(model)
        self._detector: Detector | DetectorError
        try:
            self._detector = create_detector(detector)
        except DetectorError as error:
            if detector != "auto":
                raise
            self._detector = error
        self._refiner: LandmarkRefiner | BackendError | None = None
        if refine:
            try:
                self._refiner = LandmarkRefiner()
            except BackendError as error:
                self._refiner = error
        self._backend = create_backend(self.model, backend, device)
        self._size = int(size)
        self._runner = self._opened()
        self._seconds: dict[str, float] = {}
        self._closed = False

    @property
    def backend(self) -> BackendInfo:
        """What runs the network, and why."""
        return self._backend.info

    @property
    def detector(self) -> Detector:
        """The detector in use.

        Raises:
            DetectorError: none works here.
        """
        if isinstance(self._detector, DetectorError):
            raise self._detector
        return self._detector

    @property
    def refiner(self) -> LandmarkRefiner | None:
        """What refines detected landmarks; None with `refine=False`.

        Raises:
            BackendError: ONNX Runtime, which it needs, is missing.
        """
        if isinstance(self._refiner, BackendError):
            raise BackendError(
                f"{self._refiner}; or do without: Frontalizer(refine=False), "
                "tpgan frontalize --no-refine"
            )
        return self._refiner

    @property
    def timings(self) -> dict[str, float]:
        """Milliseconds of the last call by stage: read, detect, refine, align, network, finish.

        Where crops are made on the GPU, "align" holds the upload of the frame, and "network" all
        that the GPU does.
        """
        return {stage: seconds * 1e3 for stage, seconds in self._seconds.items()}

    def detect(self, image: ImageLike) -> list[Detection]:
        """The faces of an image as `frontalize` takes them: found by the detector, then refined.

        Args:
            image: (H, W, 3) uint8 BGR, or the path of an image file. One on the GPU is downloaded.

        Raises:
            DetectorError: no detector works here.
            BackendError: ONNX Runtime, which refines, is missing.
            ImageError: not such an image.
        """
        self._start()
        _check_single(image, "detect")
        with self._stage("read"):
            picture = self._runner.on_host(self._runner.picture(image))
        return self._detect(picture)

    def frontalize(
        self,
        image: ImageLike,
        faces: Sequence[Any] | None = None,
        largest_only: bool = False,
    ) -> list[Face]:
        """All faces of one picture, best detected first.

        Args:
            image: path, encoded file as bytes or open file, `PIL.Image`, (H, W, 3) uint8 BGR, or
                a picture on the GPU: with a backend there and the compiled kernels it is used
                where it lies.
            faces: `Detection`s, or what `insightface.app.FaceAnalysis.get` returned for this
                picture; None: the detector looks for them, for which one on the GPU is downloaded.
            largest_only: only the face with the largest box.

        Returns:
            One `Face` a face, none found: an empty list. A detected face whose landmarks no face
            can have is left out, with a warning in the log.

        Raises:
            ImageError: the picture cannot be read, or is no such array.
            GeometryError: given landmarks are NaN, outside the picture, or no face.
            DetectorError: no detector works here, or `faces` are none.
        """
        self._start()
        _check_single(image, "frontalize")
        given = None if faces is None else [_detections(faces)]
        return self._frontalize([image], given, largest_only)[0]

    def frontalize_batch(
        self, images: Sequence[ImageLike], largest_only: bool = False
    ) -> list[list[Face]]:
        """As `frontalize` for several pictures; their faces share the network's batches.

        Raises:
            ImageError: also where a single picture is given.
        """
        self._start()
        _check_several(images, "frontalize_batch", "[image]")
        return self._frontalize(images, None, largest_only)

    def frontalize_aligned(
        self,
        crops: npt.NDArray[np.uint8] | Sequence[npt.NDArray[np.uint8]],
        landmarks: npt.ArrayLike | Sequence[npt.ArrayLike | None] | None = None,
    ) -> list[Face]:
        """Faces that are aligned already, by the model's template.

        Args:
            crops: (N, 128, 128, 3) uint8 BGR, or a sequence of such pictures.
            landmarks: (N, 5, 2) crop pixels, or a sequence with None for frontal faces; they
                place the four patches and tell which side is hidden. None: all frontal.

        Raises:
            ImageError: a crop is not (128, 128, 3) uint8.
            GeometryError: landmarks are NaN, or far outside their crop.
        """
        self._start()
        if not isinstance(crops, np.ndarray):
            _check_several(crops, "frontalize_aligned", "[crop]")
        elif crops.ndim != 4:
            raise ImageError(
                f"crops have shape {crops.shape}; expected (N, 128, 128, 3): give a single crop as "
                "[crop], and its landmarks as [landmarks]"
            )
        points: list[Any] = [None] * len(crops) if landmarks is None else list(landmarks)  # type: ignore[arg-type]
        if len(points) != len(crops):
            raise GeometryError(
                f"{len(crops)} crops with {len(points)} sets of landmarks; expected one (5, 2), or "
                "None, for each crop"
            )
        with self._stage("align"):
            jobs: list[_Job] = []
            for crop, five in zip(crops, points, strict=True):
                picture = check_image(crop)
                if picture.shape != (CROP_SIZE, CROP_SIZE, 3):
                    raise ImageError(
                        f"a crop has shape {picture.shape}; expected (128, 128, 3), aligned by "
                        f"the {self.model.template.name} template"
                    )
                cut = crop_aligned(picture, five, self.model.template, self.model.margin)
                cut = self._runner.detailed(cut, picture)
                jobs.append((_whole_crop(cut), cut, CROP_SIZE))
        parts = (jobs[i : i + self.max_batch] for i in range(0, len(jobs), self.max_batch))
        return [face for part in parts for face in self._run(part)]

    def paste_into(self, frame: Any, faces: Sequence[Face]) -> None:
        """Puts frontal faces back into the picture they came from, in place, where it lies.

        Args:
            frame: what `frontalize` was given, (H, W, 3) uint8 BGR that can be written, or a
                picture on the GPU. For a copy see `paste_back`.

        Raises:
            ImageError: not such a picture, or `faces` is no sequence of `Face`s.
            BackendError: it is on the GPU, but kernels or a backend that uses them are missing.
        """
        self._start()
        self._runner.paste_into(frame, _faces(faces))

    def clone(self) -> Frontalizer:
        """Another one for another thread; model, detector and, if possible, weights are shared."""
        other = object.__new__(Frontalizer)
        other.model, other.max_batch = self.model, self.max_batch
        other._arguments = self._arguments
        other._detector, other._refiner = self._detector, self._refiner
        other._backend = self._backend.clone()
        other._size = self._size
        other._runner = FacePipeline(other._backend, other.model, other._size)
        other._seconds, other._closed = {}, False
        return other

    def close(self) -> None:
        """Frees the backend. Further calls raise `BackendError`."""
        self._closed = True
        try:
            self._runner.close()
        finally:
            self._backend.close()

    def __reduce__(self) -> tuple[Callable[..., Frontalizer], tuple[dict[str, Any]]]:
        """For pickle and copy.

        Raises:
            TPGANError: an object that it was given, as a backend, cannot be pickled.
        """
        for name in ("model", "backend", "detector"):
            value = self._arguments[name]
            try:
                pickle.dumps(value)
            except Exception as error:  # whatever its own code raises
                raise TPGANError(
                    f"this Frontalizer cannot be pickled: its {name}, a {type(value).__name__}, "
                    f"cannot ({error}); give the {name} by name or path, or make a Frontalizer in "
                    "each process"
                ) from error
        return _from_arguments, (self._arguments,)

    def __enter__(self) -> Frontalizer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> FacePipeline:
        try:
            return FacePipeline(self._backend, self.model, self._size)
        except TPGANError:
            self._backend.close()
            raise

    def _start(self) -> None:
        if self._closed:
            raise BackendError("this Frontalizer is closed; make a new one")
        self._seconds = {}

    def _frontalize(
        self,
        images: Sequence[ImageLike],
        faces: Sequence[Sequence[Detection]] | None,
        largest: bool,
    ) -> list[list[Face]]:
        jobs: list[_Job] = []
        done: list[Face] = []
        counts = []
        for index, image in enumerate(images):
            with self._stage("read"):
                picture = self._runner.picture(image)
            if faces is None:
                found = self._detect(self._runner.on_host(picture))
            else:
                found = list(faces[index])
            with self._stage("align"):
                kept = self._cut(picture, found, faces is not None)
            if largest and kept:
                kept = [max(kept, key=lambda job: job[0].area)]
            jobs += kept
            counts.append(len(kept))
            # Not at the end: pictures whose faces wait hold memory, the GPU's where they are there.
            while len(jobs) >= self.max_batch:
                done += self._run(jobs[: self.max_batch])
                del jobs[: self.max_batch]
        results = iter(done + (self._run(jobs) if jobs else []))
        return [[next(results) for _ in range(count)] for count in counts]

    def _detect(self, picture: UInt8Array) -> list[Detection]:
        with self._stage("detect"):
            found = list(self.detector.detect(picture))
        with self._stage("refine"):
            return [self._refined(picture, face) for face in found]

    def _refined(self, picture: UInt8Array, face: Detection) -> Detection:
        refiner = self.refiner
        if refiner is None:
            return face
        try:
            return refiner.refine(picture, face).detection
        except GeometryError:
            return face  # `_cut` decides what becomes of it

    def _cut(self, picture: Picture, faces: Sequence[Detection], given: bool) -> list[_Job]:
        if not faces:
            return []
        source = self._runner.source(picture)
        width = source.width if isinstance(source, GpuFrame) else source.shape[1]
        jobs: list[_Job] = []
        for face in faces:
            try:
                jobs.append((face, self._runner.cut(source, face.landmarks), width))
            except GeometryError as error:
                if given:
                    raise
                detector = getattr(self.detector, "name", type(self.detector).__name__)
                log.warning("a detected face is left out: %s", detector_fault(error, detector))
        return jobs

    def _run(self, jobs: Sequence[_Job]) -> list[Face]:
        """At most `max_batch` faces."""
        made = self._runner.run([cut for _, cut, _ in jobs], self._stage)
        with self._stage("finish"):
            return [_face(*job, *pictures) for job, pictures in zip(jobs, made, strict=True)]

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - begun
            self._seconds[name] = self._seconds.get(name, 0.0) + spent


def _face(
    found: Detection,
    cut: Cut,
    width: int,
    picture: UInt8Array,
    aligned: UInt8Array,
) -> Face:
    # A copy: what the caller gave stays the caller's.
    points = geometry.check_landmarks(found.landmarks).copy()
    transform = cut.transform
    if cut.mirrored:
        # Undo both mirrors, of the frame before and of the crop after the alignment.
        transform = geometry.mirror_crop_transform(
            geometry.mirror_frame_transform(transform, width)
        )
    return Face(
        image=picture,
        box=found.box,
        landmarks=points,
        score=found.score,
        yaw=geometry.estimate_yaw(points),
        mirrored=cut.mirrored,
        aligned=aligned,
        transform=transform,
    )


def _whole_crop(cut: FaceCrops) -> Detection:
    points = cut.landmarks
    if cut.mirrored:
        points = geometry.mirror_landmarks(points, CROP_SIZE)
    return Detection((0.0, 0.0, float(CROP_SIZE), float(CROP_SIZE)), points, 1.0)


def _from_arguments(arguments: dict[str, Any]) -> Frontalizer:
    return Frontalizer(**arguments)


def _at_least_one(max_batch: Any) -> int:
    try:
        number = 0 if isinstance(max_batch, bool) else operator.index(max_batch)
    except TypeError:
        number = 0
    if number < 1:
        raise ValueError(f"max_batch is {max_batch!r}; expected a whole number, at least 1")
    return number


def _dimensions(value: Any) -> int | None:
    shape = getattr(value, "shape", None)
    return len(shape) if isinstance(shape, tuple) else None


def _check_single(image: Any, call: str) -> None:
    """Raises ImageError where several pictures are given for one."""
    if isinstance(image, list | tuple) or _dimensions(image) == 4:
        raise ImageError(
            f"{call} was given {_kind(image)} of {len(image)}; expected one picture: "
            "frontalize_batch(images) takes several"
        )


def _check_several(images: Any, call: str, right: str) -> None:
    """Raises ImageError where one picture is given for several, whose rows would be taken for
    pictures."""
    if not _is_several(images) or _dimensions(images) in (2, 3):
        raise ImageError(
            f"{call} was given {_kind(images)}; expected a sequence of pictures: {call}({right}) "
            "for a single one"
        )


def _is_several(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return not isinstance(value, str | bytes | Path | Mapping)


def _kind(value: Any) -> str:
    shape = f" of shape {value.shape}" if _dimensions(value) is not None else ""
    return f"a {type(value).__name__}{shape}"


def _detections(faces: Any) -> list[Detection]:
    """What a user gave as the faces of a picture."""
    numbers = isinstance(faces, np.ndarray) and faces.dtype != object
    if numbers or not _is_several(faces):
        raise DetectorError(
            f"faces is {_kind(faces)}; expected a list of tpgan_sdk.Detection(box, landmarks, "
            "score), or of the faces of insightface: faces=[face] for a single one"
        )
    return faces_from_insightface(list(faces))


def _faces(faces: Any) -> list[Face]:
    several: list[Any] = list(faces) if _is_several(faces) else [None]
    if not all(isinstance(face, Face) for face in several):
        raise ImageError(
            f"paste_into was given {_kind(faces)} for its faces; expected what frontalize "
            "returned, or paste_into(frame, [face]) for a single one"
        )
    return several
