"""OpenCV: Jacobians of projections, of Rodrigues' formula and of compositions of poses."""
import cv2
import numpy as np
from case import jacobian, rng

PINS = "opencv-python-headless==5.0.0.93 numpy==2.4.6"
K = np.array([[800., 0, 320], [0, 780, 240], [0, 0, 1]])


def camera(q, n):
    A = np.array([[q[6], 0, q[8]], [0, q[7], q[9]], [0, 0, 1.]])
    return q[:3].reshape(3, 1), q[3:6].reshape(3, 1), A, q[10:10 + n].copy()


def checks():
    for seed in range(4):
        r = rng(f"cv{seed}")
        X = r.uniform(-1, 1, (6, 1, 3)) + [0, 0, 4]
        for n in (4, 5, 8, 12, 14):
            q = np.r_[r.normal(size=3) * .2, r.normal(size=3) * .1, 800, 780, 320, 240,
                      r.normal(size=n) * .03]

            def value(q, n=n, X=X):
                rv, tv, A, d = camera(q, n)
                return cv2.projectPoints(X, rv, tv, A, d)[0].ravel()

            def jac(q, n=n, X=X):
                rv, tv, A, d = camera(q, n)
                return cv2.projectPoints(X, rv, tv, A, d)[1]
            yield jacobian(f"projectPoints({n})[{seed}]", value, q, jac, method="richardson")
        q = np.r_[r.normal(size=3) * .2, r.normal(size=3) * .1, 800, 780, 320, 240,
                  r.normal(size=4) * .03]

        def fish(q, X=X):
            rv, tv, A, d = camera(q, 4)
            return cv2.fisheye.projectPoints(X, rv, tv, A, d, alpha=0.)[0].ravel()

        def fish_jac(q, X=X):
            rv, tv, A, d = camera(q, 4)
            J = cv2.fisheye.projectPoints(X, rv, tv, A, d, alpha=0.)[1]
            return np.hstack([J[:, 8:11], J[:, 11:14], J[:, :2], J[:, 2:4], J[:, 4:8]])
        yield jacobian(f"fisheye.projectPoints[{seed}]", fish, q, fish_jac, method="richardson")
        v = r.normal(size=3)
        yield jacobian(f"Rodrigues[{seed}]", lambda v: cv2.Rodrigues(v)[0].ravel(), v,
                       lambda v: cv2.Rodrigues(v)[1].T, method="richardson")
        pose = r.normal(size=12) * .4

        def compose(p):
            out = cv2.composeRT(*(p[i:i + 3].reshape(3, 1).copy() for i in (0, 3, 6, 9)))
            return np.concatenate([out[0].ravel(), out[1].ravel()])

        def compose_jac(p):
            o = cv2.composeRT(*(p[i:i + 3].reshape(3, 1).copy() for i in (0, 3, 6, 9)))
            return np.vstack([np.hstack(o[2:6]), np.hstack(o[6:10])])
        yield jacobian(f"composeRT[{seed}]", compose, pose, compose_jac, method="richardson")
        A, B = r.normal(size=(2, 3)), r.normal(size=(3, 4))
        yield jacobian(f"matMulDeriv.A[{seed}]", lambda a, B=B: (a @ B).ravel(), A,
                       lambda a, B=B: cv2.matMulDeriv(a, B)[0].reshape(8, 2, 3))
        yield jacobian(f"matMulDeriv.B[{seed}]", lambda b, A=A: (A @ b).ravel(), B,
                       lambda b, A=A: cv2.matMulDeriv(A, b)[1].reshape(8, 3, 4))


WHY = {}
